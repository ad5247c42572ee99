-- join(.., node, term, former name) -> {epoch, seq}. Under its former name the node serves nothing any more.
local node, term = ARGV[3], tonumber(ARGV[4])
leave(ARGV[5])
redis.call('ZADD', NODES, whole('%.0f', now + term), node)
local number = whole('%.0f', seq)
note('a:' .. node, number, 'r:' .. node, number)
keep()
return {epoch, seq}
