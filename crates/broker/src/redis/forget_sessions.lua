-- Forgets the records of sessions whose owners do so: an owner for each key.

for i, key in ipairs(KEYS) do
  if is_owned(key, ARGV[i]) then redis.call('DEL', key) end
end
return { 'forgotten' }
