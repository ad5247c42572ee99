-- ack(.., node, applied, epoch) -> {1, settled} or {0}
if ARGV[5] ~= epoch or not lives(ARGV[3]) then return {0} end
applied(ARGV[3], tonumber(ARGV[4]))
return {1, (settle())}
