-- replay(.., epoch, from) -> {1, seq, number, message, number, message, ..} or {0}
if ARGV[3] ~= epoch then return {0} end
local out = {1, seq}
for _, entry in ipairs(redis.call('XRANGE', LOG, ARGV[4] .. '-0', '+', 'COUNT', 512)) do
  out[#out + 1] = tonumber(string.match(entry[1], '^%d+'))
  out[#out + 1] = entry[2][2]
end
return out
