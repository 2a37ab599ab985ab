-- Removes a document of an asset whose worker value is not there, if it still stands.
-- ARGV, then: its mark and text, its field
page = KEYS[1]
if bound_in(redis.call('HGET', page, ARGV[3])) == ARGV[2] then take_out({ARGV[3]}) end
