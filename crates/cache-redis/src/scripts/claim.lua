-- claim(value, lease; token, term) -> identity. The deletion comes first: what follows a write is allowed without memory.
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return identity()
