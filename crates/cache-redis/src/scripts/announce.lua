-- announce(.., term, message) -> {epoch, number, settled, grace, live nodes}
local term = tonumber(ARGV[3])
seq = redis.call('INCR', SEQ)
local number = whole('%.0f', seq)
redis.call('XADD', LOG, 'MAXLEN', '~', '10000', number .. '-0', 'm', ARGV[4])
redis.call('PEXPIRE', LOG, LIFE)
redis.call('PUBLISH', CHANNEL, 'i|' .. number .. '|' .. epoch .. '|' .. ARGV[4])
local least, live = settle()
-- Nodes of an epoch that was lost may hold their leases for one term; nobody knows which they are.
return {epoch, seq, least, math.max(0, born + term - now), live}
