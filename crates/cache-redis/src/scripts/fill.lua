-- fill(value, lease; token, identity, px, channel, name, bytes) -> whether it was stored
if redis.call('GET', KEYS[2]) ~= ARGV[1] or identity() ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[6], 'PX', ARGV[3])
redis.call('UNLINK', KEYS[2])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
