-- Makes the records of sessions, or replaces them if their owners do so: an owner and bytes for each
-- key. Gives the places, from 0, of those that were not written since they have another owner.

local life = ARGV[1]
local refused = {}
for i, key in ipairs(KEYS) do
  local owner = ARGV[2 * i]
  if is_owned(key, owner) == false then
    refused[#refused + 1] = text(i - 1)
  else
    redis.call('SET', key, signed(owner, '', ARGV[2 * i + 1]), 'PX', life)
  end
end
return { 'kept', refused }
