-- Common to the scripts of the control plane. KEYS: epoch, seq, nodes, acks, log. ARGV: nonce, channel, ...
local EPOCH, SEQ, NODES, ACKS, LOG = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local CHANNEL, LIFE = ARGV[2], 3600000

-- A write that needs no memory comes first. After it the server lets the script go on even above `maxmemory`, so
-- that a full server still passes invalidations on.
local held = redis.call('PEXPIRE', ACKS, LIFE)

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local info = redis.call('INFO', 'replication')
if not string.find(info, 'role:master', 1, true) then
  return redis.error_reply('READONLY this server is a replica')
end
local identity = string.sub(string.match(info, 'master_replid:(%x+)') or '', 1, 16)
local whole = string.format

-- The epoch is good on the server that made it, and as long as nothing of the control plane is missing: the member
-- `-` stands in `nodes` for the keys that may rightly be empty.
local epoch = redis.call('GET', EPOCH)
local seq = tonumber(redis.call('GET', SEQ))
local born
if epoch then
  local vouched, at = string.match(epoch, '^%x+:(%x+):(%d+)$')
  if vouched == identity then born = tonumber(at) end
end
if not (born and seq and redis.call('ZSCORE', NODES, '-')) then
  redis.call('UNLINK', NODES, ACKS, LOG)
  born, seq, held = now, seq or 0, 0
  epoch = ARGV[1] .. ':' .. identity .. ':' .. whole('%.0f', now)
  redis.call('SET', EPOCH, epoch, 'PX', LIFE)
  redis.call('SET', SEQ, whole('%.0f', seq), 'PX', LIFE)
  redis.call('ZADD', NODES, '+inf', '-')
  redis.call('PEXPIRE', NODES, LIFE)
end

local function keep()
  redis.call('PEXPIRE', EPOCH, LIFE)
  redis.call('PEXPIRE', SEQ, LIFE)
  redis.call('PEXPIRE', NODES, LIFE)
end

local function note(...)
  redis.call('HSET', ACKS, ...)
  if held == 0 then
    redis.call('PEXPIRE', ACKS, LIFE)
    held = 1
  end
end

local function lives(node)
  local deadline = tonumber(redis.call('ZSCORE', NODES, node))
  return deadline and deadline > now
end

-- Records what a node has applied; it never takes anything back.
local function applied(node, number)
  local before = tonumber(redis.call('HGET', ACKS, 'a:' .. node)) or -1
  if number > before then note('a:' .. node, whole('%.0f', number)) end
end

local function leave(node)
  redis.call('ZREM', NODES, node)
  redis.call('HDEL', ACKS, 'a:' .. node, 'r:' .. node)
end

-- The least number over all live leases; says so to all when it has risen. Leases that ran out are removed.
local function settle()
  local all = redis.call('ZRANGE', NODES, 0, -1, 'WITHSCORES')
  local fields = {'s'}
  for i = 1, #all, 2 do
    local node = all[i]
    if node ~= '-' then
      if tonumber(all[i + 1]) > now then fields[#fields + 1] = 'a:' .. node else leave(node) end
    end
  end
  local acks = redis.call('HMGET', ACKS, unpack(fields))
  local least = seq
  for i = 2, #fields do least = math.min(least, tonumber(acks[i]) or -1) end
  if least > (tonumber(acks[1]) or 0) then
    note('s', whole('%.0f', least))
    redis.call('PUBLISH', CHANNEL, 's|' .. whole('%.0f', least) .. '|' .. epoch)
  end
  return least, #fields - 1
end
