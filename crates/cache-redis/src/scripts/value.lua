-- Common to the scripts of one value. A server vouches for a value by the id of its replication stream, which is new
-- after every start and every promotion, and which only a primary may call its own.
local function identity()
  local info = redis.call('INFO', 'replication')
  if not string.find(info, 'role:master', 1, true) then return '' end
  return string.sub(string.match(info, 'master_replid:(%x+)') or '', 1, 16)
end

-- What a reader may be given of KEYS[1]:
-- {0} nothing, {1, value} a value, {1, value, pttl} a plain one, {2} nothing any more: it was of another type.
local function look(coherent, plain)
  local value = redis.pcall('GET', KEYS[1])
  if type(value) == 'table' then
    if not string.find(value.err or '', 'WRONGTYPE', 1, true) then return value end
    redis.call('UNLINK', KEYS[1])
    return {2}
  end
  if not value then return {0} end
  local vouched = string.match(value, '^gz1 %d+ [%w+]+ (%x+) ')
  if vouched then
    if coherent and vouched ~= identity() then return {0} end
    return {1, value}
  end
  local first = string.sub(value, 1, 1)
  if first == '{' or first == '[' or plain then
    if coherent and not plain then return {0} end
    return {1, value, redis.call('PTTL', KEYS[1])}
  end
  return {1, value}
end
