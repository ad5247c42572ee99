-- join(.., node, term) -> {epoch, seq}
local node, term = ARGV[3], tonumber(ARGV[4])
redis.call('ZADD', NODES, whole('%.0f', now + term), node)
local number = whole('%.0f', seq)
note('a:' .. node, number, 'r:' .. node, number)
keep()
return {epoch, seq}
