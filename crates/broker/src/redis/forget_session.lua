-- Forgets a session's record, if its owner does so.

if is_owned(KEYS[1], ARGV[1]) then redis.call('DEL', KEYS[1]) end
return { 'forgotten' }
