-- Gives a session's record another owner, and says who the owner was before. Whoever claims twice,
-- since the answer was lost, is answered the same.

local key, owner, life = KEYS[1], ARGV[1], ARGV[2]
local found = redis.call('GET', key)
if not found then return { 'gone' } end
local is, before, bytes = read_signed(found)
if is ~= owner then before = is end
redis.call('SET', key, signed(owner, before, bytes), 'PX', life)
return { 'claimed', before, bytes }
