-- Before a log goes on in a Redis that is not the one it was in: an instance says how far it knows
-- the log, whom it knows of, and offers the entries that are not there. One call may be too little
-- for them; `done` says that it was the last one.

local keys = { partition = KEYS[1], log = KEYS[2], repair = KEYS[3], offers = KEYS[4] }
local schema, me, newest, done = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local others = tonumber(ARGV[5])

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

for i = 6 + others, #ARGV do
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
for i = 6, 5 + others do redis.call('HSET', keys.repair, 'needs:' .. ARGV[i], '1') end
if newest > (tonumber(redis.call('HGET', keys.repair, 'newest')) or 0) then
  redis.call('HSET', keys.repair, 'newest', newest)
end
if done then redis.call('HSET', keys.repair, 'has:' .. me, '1') end
return { 'attested' }
