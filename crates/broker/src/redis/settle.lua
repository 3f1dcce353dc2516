-- Lets a log go on in a Redis that is not the one it was in, as soon as all who must be asked have
-- attested: first what is missing is put back, some of it in each call, at the places where it was.
-- The epoch stays if nothing is missing then; otherwise it is a new one, and what is there remains.

local keys = {
  partition = KEYS[1], log = KEYS[2], log_redacted = KEYS[3], due = KEYS[4], rooms = KEYS[5],
  repair = KEYS[6], offers = KEYS[7],
}
local schema, give_up, new_epoch, channel = ARGV[1], ARGV[2] == '1', ARGV[3], ARGV[4]
local limits = {
  id_window = tonumber(ARGV[5]), log_entries = tonumber(ARGV[6]),
  room_entries = tonumber(ARGV[7]), room_age = tonumber(ARGV[8]),
}
local most = tonumber(ARGV[9])

local head, instead = read_head(keys.partition, schema)
if not head then return instead end
head.now = now_ms()
local server = server_id()
if head.replication == server then return { 'settled' } end
if redis.call('HGET', keys.repair, 'for') ~= server then return { 'again' } end

local attested, waited_for = {}, {}
local names = redis.call('HKEYS', keys.repair)
for _, name in ipairs(names) do
  local has = string.match(name, '^has:(.*)$')
  if has then attested[has] = true end
end
for _, name in ipairs(names) do
  local needs = string.match(name, '^needs:(.*)$')
  if needs and not attested[needs] then waited_for[#waited_for + 1] = needs end
end
if #waited_for > 0 and not give_up then return { 'waiting', waited_for, head.now } end

-- Puts back an entry. Says whether it fits behind what its room has; a failure to write ends the
-- script, and the next call goes on from there.
local function put_back(offer)
  local tombstone, record = read_offer(offer)
  local read = read_record(record)
  local entry, name = read.entry, read.room
  local of = {}
  for what, key in pairs(keys) do of[what] = key end
  for _, what in ipairs({ 'room', 'entries', 'ids', 'targets', 'redacted' }) do
    of[what] = keys.partition .. ':' .. what .. ':' .. name
  end
  local room, stale = load_room(of, head.life)
  if stale then redis.call('DEL', of.room, of.entries, of.ids, of.targets, of.redacted) end
  local was = room or no_entries()
  if entry.seq ~= head.seq + 1 or entry.offset ~= was.offset + 1 then return false end
  if tombstone and not bodies(of, entry.target, entry.target)[entry.target] then
    tombstone = nil
  end
  entry.content = ANY_CONTENT
  local before = redis.call('HGET', of.ids, id_field(entry.user, entry.id))
  local failed = store(of, limits, head, room, name, entry, before, read.bytes, tombstone)
  if failed then error(failed.err or failed[2]) end
  publish(channel, head.epoch, record, tombstone)
  return true
end

local fits = not redis.call('HGET', keys.repair, 'conflict')
local count = 0
while fits and count < most do
  local seq = head.seq + 1
  local offer = redis.call('HGET', keys.offers, seq)
  if not offer then break end
  fits = put_back(offer)
  redis.call('HDEL', keys.offers, seq)
  if fits then count = count + 1 end
end
if not fits then redis.call('HSET', keys.repair, 'conflict', '1') end
if count > 0 then redis.call('HINCRBY', keys.repair, 'put_back', count) end
if fits and count == most then return { 'more' } end

local newest = tonumber(redis.call('HGET', keys.repair, 'newest')) or 0
local lost = math.max(newest - head.seq, 0)
local is_whole = fits and lost == 0 and #waited_for == 0
redis.call('HSET', keys.partition, 'replication', server,
  'epoch', is_whole and head.epoch or new_epoch)
local restored = tonumber(redis.call('HGET', keys.repair, 'put_back')) or 0
redis.call('DEL', keys.repair, keys.offers)
return { 'settled', is_whole and 1 or 0, restored, lost, #waited_for }
