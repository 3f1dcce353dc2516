-- Before a log goes on in a Redis that is not the one it was in: an instance says how far it knows
-- the log, whom it knows of, what it knows of rooms, and offers the entries that are not there. One
-- call may be too little for them; `done` says that it was the last one.

local keys = {
  partition = KEYS[1], log = KEYS[2], repair = KEYS[3], offers = KEYS[4], rooms = KEYS[5],
}
local schema, me, newest, done = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local others, rooms = tonumber(ARGV[5]), tonumber(ARGV[6])
local rooms_from = 7 + others
local offers_from = rooms_from + 2 * rooms

local head, instead = read_head(keys.partition, schema)
if not head then return instead end
local server = server_id()
if head.replication == server then return { 'settled' } end
if redis.call('HGET', keys.repair, 'for') ~= server then
  redis.call('DEL', keys.repair, keys.offers)
  redis.call('HSET', keys.repair, 'for', server)
end

local function conflict()
  redis.call('HSET', keys.repair, 'conflict', '1')
end

-- Whether two records are of the same entry; a tombstone may have taken the place of its text.
local function is_same(one, other)
  return one == nil or front(read_record(one).entry) == front(read_record(other).entry)
end

-- Puts back what is known of a room, if it is not there. A private room must not come back as a
-- public one, so this comes before any entry.
local function put_back_room(name, about)
  local key = keys.partition .. ':room:' .. name
  if load_room({ room = key }, head.life) then return redis.call('HSETNX', key, 'about', about) end
  local stale = {}
  for _, what in ipairs({ ':room:', ':entries:', ':ids:', ':targets:', ':redacted:' }) do
    stale[#stale + 1] = keys.partition .. what .. name
  end
  redis.call('DEL', unpack(stale))
  redis.call('HSET', key, 'epoch', head.life, 'offset', 0, 'seq', 0, 'first', 1, 'first_at', 0,
    'ids_from', 1, 'about', about)
  redis.call('ZADD', keys.rooms, math.max(now_ms(), head.at), name)
end
for i = rooms_from, offers_from - 1, 2 do put_back_room(ARGV[i], ARGV[i + 1]) end

for i = offers_from, #ARGV do
  local _, record = read_offer(ARGV[i])
  local seq = read_record(record).entry.seq
  if seq <= head.seq then
    local item = redis.call('XRANGE', keys.log, seq, seq)[1]
    if item and not is_same(field(item, 'e'), record) then conflict() end
  else
    local offered = redis.call('HGET', keys.offers, seq)
    if not offered then
      redis.call('HSET', keys.offers, seq, ARGV[i])
    elseif not is_same(select(2, read_offer(offered)), record) then
      conflict()
    end
  end
end
for i = 7, rooms_from - 1 do redis.call('HSET', keys.repair, 'needs:' .. ARGV[i], '1') end
if newest > (tonumber(redis.call('HGET', keys.repair, 'newest')) or 0) then
  redis.call('HSET', keys.repair, 'newest', newest)
end
if done then redis.call('HSET', keys.repair, 'has:' .. me, '1') end
return { 'attested' }
