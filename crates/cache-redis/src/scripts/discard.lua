-- discard(value; length, head): deletes what was read, not what was stored since
local head = redis.pcall('GETRANGE', KEYS[1], 0, #ARGV[2] - 1)
if head ~= ARGV[2] or redis.call('STRLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
return redis.call('UNLINK', KEYS[1])
