-- sweep(value): deletes it if it is one of ours
if redis.pcall('GETRANGE', KEYS[1], 0, 3) ~= 'gz1 ' then return 0 end
return redis.call('UNLINK', KEYS[1])
