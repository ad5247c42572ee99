-- extend(lease; token, identity, term) -> whether it is still good
if redis.call('GET', KEYS[1]) ~= ARGV[1] or identity() ~= ARGV[2] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
