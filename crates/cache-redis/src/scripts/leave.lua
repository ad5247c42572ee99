-- leave(.., node): the others need not wait for it
leave(ARGV[3])
return (settle())
