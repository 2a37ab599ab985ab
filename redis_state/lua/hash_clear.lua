-- ARGV: the prefix of one map index
remove(fields_of(ARGV[1]))
