-- renew(.., node, term, applied, epoch) -> {1, seq, settled} or {0, reason}
local node, term, number = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if ARGV[6] ~= epoch then return {0, 'epoch'} end
if not lives(node) then return {0, 'lapsed'} end
local before = tonumber(redis.call('HGET', ACKS, 'r:' .. node))
if not before then return {0, 'lapsed'} end
-- A node that has not applied what was there a renewal ago may not keep the others waiting.
if number < before then return {0, 'lagged'} end
redis.call('ZADD', NODES, whole('%.0f', now + term), node)
note('r:' .. node, whole('%.0f', seq))
applied(node, number)
keep()
return {1, seq, (settle())}
