-- read(value; coherent, plain)
return look(ARGV[1] == '1', ARGV[2] == '1')
