-- settled(.., epoch) -> {1, settled} or {0}
if ARGV[3] ~= epoch then return {0} end
return {1, (settle())}
