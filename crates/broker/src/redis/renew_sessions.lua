-- Lets the records of sessions live on. Gives the places, from 0, of those that are not there or
-- have another owner.

local life = ARGV[1]
local lost = {}
for i, key in ipairs(KEYS) do
  if is_owned(key, ARGV[i + 1]) then
    redis.call('PEXPIRE', key, life)
  else
    lost[#lost + 1] = text(i - 1)
  end
end
return { 'renewed', lost }
