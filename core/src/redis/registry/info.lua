-- What the server that holds the registry says of itself. KEYS: any of the registry's; ARGV: a
-- section.
return redis.call('INFO', ARGV[1])
