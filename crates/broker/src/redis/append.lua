-- Appends one entry, or finds the one that the same room, user and id made before.
--
-- A script of Redis is not undone when it errs. So everything is read and checked first; then what
-- can be taken back is written (the first write is also where a full or failing Redis refuses);
-- then the streams, which can't be; and what may fail without harm comes last.

local keys = {
  partition = KEYS[1], log = KEYS[2], log_redacted = KEYS[3], due = KEYS[4],
  room = KEYS[5], entries = KEYS[6], ids = KEYS[7], targets = KEYS[8], redacted = KEYS[9],
}
local schema, epoch, not_after, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local room_name, content = ARGV[5], ARGV[6]
local entry = { user = ARGV[7], id = ARGV[8], target = tonumber(ARGV[9]) or 0 }
local has_target, bytes, redacts, tombstone = ARGV[9] ~= '', ARGV[10], ARGV[11] == '1', ARGV[12]
local id_window, log_entries = tonumber(ARGV[13]), tonumber(ARGV[14])
local room_entries, room_age = tonumber(ARGV[15]), tonumber(ARGV[16])

-- How many entries over the limit one append drops: more than it adds, so that it catches up.
local TRIM_AT_ONCE = 2

-- What will be written: commands, each with the one that takes it back.
local plan = {}

local function will(back, ...)
  plan[#plan + 1] = { back, { ... } }
end

-- Carries out the plan. On a failure takes back what was done, and gives the error.
local function carry_out()
  for done, step in ipairs(plan) do
    local reply = redis.pcall(unpack(step[2]))
    if type(reply) == 'table' and reply.err then
      for i = done - 1, 1, -1 do
        if plan[i][1] then redis.pcall(unpack(plan[i][1])) end
      end
      return reply
    end
  end
end

-- Plans to put a member in the place of those that have the same score.
local function will_replace(key, score, member)
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', key, score, score)) do
    will({ 'ZADD', key, score, old }, 'ZREM', key, old)
  end
  will({ 'ZREM', key, member }, 'ZADD', key, score, member)
end

local function refuse_target()
  return { 'refused', 'the room has no entry ' .. text(entry.target) .. ', or keeps it no more' }
end

-- An entry as all rooms together need it.
local function addressed(body)
  return #room_name .. '\n' .. room_name .. body
end

local head, instead = load_head(keys.partition, schema)
if not head then return instead end
if head.epoch ~= epoch then return { 'fenced', head.epoch } end
local now = now_ms()

local room, stale = load_room(keys, epoch)
if stale then
  redis.call('DEL', keys.room, keys.entries, keys.ids, keys.targets, keys.redacted)
end
local was = room or { offset = 0, seq = 0, first = 1, first_at = 0, ids_from = 1 }

local id_name = id_field(entry.user, entry.id)
local before = redis.call('HGET', keys.ids, id_name)
if before then
  local offset, seq, at, of = string.match(before, '^(%d+) (%d+) (%d+) (%x+)$')
  if not offset then error('DAMAGED: an id can not be read') end
  if tonumber(at) >= now - id_window then
    if of ~= content then return { 'conflict', now } end
    return { 'duplicate', tonumber(seq), tonumber(offset), tonumber(at), now }
  end
end
if now > not_after then return { 'late', now } end

if redacts and not has_target then return { 'refused', 'nothing to redact is named' } end
if has_target and (entry.target < was.first or entry.target > was.offset) then
  return refuse_target()
end
local top = redis.call('XREVRANGE', keys.log, '+', '-', 'COUNT', 1)[1]
if top and tonumber(string.match(top[1], '^%d+')) > head.seq then
  error('DAMAGED: the log is ahead of its head')
end

entry.seq, entry.offset, entry.at = head.seq + 1, was.offset + 1, math.max(now, head.at)
local body = header(entry) .. entry.user .. entry.id .. bytes
local record = addressed(body)
local is_first, is_first_id = was.first > was.offset, was.ids_from > was.offset
local is = {
  offset = entry.offset, seq = entry.seq, first = was.first, ids_from = was.ids_from,
  first_at = is_first and entry.at or was.first_at,
}

will({ 'HSET', keys.partition, 'seq', text(head.seq), 'at', text(head.at) },
  'HSET', keys.partition, 'seq', text(entry.seq), 'at', text(entry.at))
local function store_room(values)
  return 'HSET', keys.room, 'epoch', epoch, 'offset', text(values.offset), 'seq', text(values.seq),
    'first', text(values.first), 'first_at', text(values.first_at),
    'ids_from', text(values.ids_from)
end
will(room and { store_room(was) } or { 'DEL', keys.room }, store_room(is))
will(before and { 'HSET', keys.ids, id_name, before } or { 'HDEL', keys.ids, id_name },
  'HSET', keys.ids, id_name,
  text(entry.offset) .. ' ' .. text(entry.seq) .. ' ' .. text(entry.at) .. ' ' .. content)
if is_first or is_first_id then
  local at = redis.call('ZSCORE', keys.due, room_name)
  will(at and { 'ZADD', keys.due, at, room_name } or { 'ZREM', keys.due, room_name },
    'ZADD', keys.due, 'LT', text(entry.at + math.min(id_window, room_age) + 1), room_name)
end
if has_target then
  will({ 'ZREM', keys.targets, text(entry.offset) },
    'ZADD', keys.targets, text(entry.target), text(entry.offset))
end
local target
if redacts then
  local found = bodies(keys, entry.target, entry.target)[entry.target]
  if not found then return refuse_target() end
  target = parse(found)
  target.place = text(target.seq) .. '-0'
  local tomb = header(target) .. target.user .. target.id .. tombstone
  will_replace(keys.redacted, text(target.offset), tomb)
  if target.seq >= head.log_first then
    will_replace(keys.log_redacted, text(target.seq), addressed(tomb))
  end
end
-- Nothing takes the first XADD back: the second one is the same command, and was checked above.
will(nil, 'XADD', keys.entries, text(entry.offset) .. '-' .. text(entry.seq),
  'prev', text(was.seq), 'e', body)
will(nil, 'XADD', keys.log, 'MINID', '~', text(math.max(entry.seq - log_entries + 1, 1)),
  text(entry.seq) .. '-0', 'e', record)

local failed = carry_out()
if failed then return failed end

if target then
  redis.pcall('XDEL', keys.entries, text(target.offset) .. '-' .. text(target.seq))
  redis.pcall('XDEL', keys.log, target.place)
end
-- A failure here only leaves more than is wanted, until the sweeper tries again.
pcall(trim_room, keys, is, now, room_entries, room_age, TRIM_AT_ONCE, false)
local heard = redis.pcall('PUBLISH', channel, '1e ' .. epoch .. ' ' .. record)
local unheard = type(heard) == 'table' and heard.err or ''
return { 'stored', entry.seq, entry.offset, entry.at, now, unheard }
