-- acquire(value, lease; coherent, plain, fill, token, term) -> as look, {3, identity} granted, {4, remaining} busy
local wrong = 0
if ARGV[3] == '1' then
  local found = look(ARGV[1] == '1', ARGV[2] == '1')
  if found.err or found[1] == 1 then return found end
  wrong = found[1]
end
if redis.call('PTTL', KEYS[2]) == -1 then redis.call('UNLINK', KEYS[2]) end
if redis.call('SET', KEYS[2], ARGV[4], 'NX', 'PX', ARGV[5]) then return {3, identity(), wrong} end
return {4, redis.call('PTTL', KEYS[2])}
