-- What the scripts for the records of sessions share; it stands behind the prelude. A record is its
-- owner's token, that of the owner before where it was claimed, and the session.

local function counted(word)
  return #word .. ':' .. word
end

local function signed(owner, before, bytes)
  return counted(owner) .. counted(before) .. bytes
end

local function read_signed(record)
  local function word_at(place)
    local length, start = string.match(record, '^(%d+):()', place)
    if not length then error('DAMAGED: the record of a session can not be read') end
    return string.sub(record, start, start + length - 1), start + length
  end
  local owner, rest = word_at(1)
  local before, start = word_at(rest)
  return owner, before, string.sub(record, start)
end

-- Whether the record is this owner's; nothing if there is none.
local function is_owned(key, owner)
  local wanted = counted(owner)
  local begins = redis.call('GETRANGE', key, 0, #wanted - 1)
  if begins == '' then return nil end
  return begins == wanted
end
