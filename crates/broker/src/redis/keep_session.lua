-- Makes a session's record, or replaces it if its owner does so. Says whether it was written.

if is_owned(KEYS[1], ARGV[1]) == false then return { 'kept', 0 } end
redis.call('SET', KEYS[1], signed(ARGV[1], '', ARGV[2]), 'PX', ARGV[3])
return { 'kept', 1 }
