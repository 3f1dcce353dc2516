-- Appends one entry, or finds the one that the same room, user and id made before.

local keys = {
  partition = KEYS[1], log = KEYS[2], log_redacted = KEYS[3], due = KEYS[4],
  room = KEYS[5], entries = KEYS[6], ids = KEYS[7], targets = KEYS[8], redacted = KEYS[9],
  rooms = KEYS[10],
}
local schema, epoch, not_after, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local room_name, server = ARGV[5], ARGV[17]
local entry = {
  content = ARGV[6], user = ARGV[7], id = ARGV[8], target = tonumber(ARGV[9]) or 0,
}
local has_target, bytes, redacts, tombstone = ARGV[9] ~= '', ARGV[10], ARGV[11] == '1', ARGV[12]
local limits = {
  id_window = tonumber(ARGV[13]), log_entries = tonumber(ARGV[14]),
  room_entries = tonumber(ARGV[15]), room_age = tonumber(ARGV[16]),
}

local head, instead = load_head(keys.partition, schema, server)
if not head then return instead end
if head.epoch ~= epoch then return { 'fenced', head.epoch } end
local now = now_ms()
head.now = now

local room, stale = load_room(keys, head.life)
if stale then
  redis.call('DEL', keys.room, keys.entries, keys.ids, keys.targets, keys.redacted)
end
local was = room or no_entries()

local before = redis.call('HGET', keys.ids, id_field(entry.user, entry.id))
if before then
  local offset, seq, at, of = string.match(before, '^(%d+) (%d+) (%d+) ([%x*]+)$')
  if not offset then error('DAMAGED: an id can not be read') end
  if tonumber(at) >= now - limits.id_window then
    if of ~= entry.content and of ~= ANY_CONTENT then return { 'conflict', now } end
    return { 'duplicate', tonumber(seq), tonumber(offset), tonumber(at), now }
  end
end
if now > not_after then return { 'late', now } end

if redacts and not has_target then return { 'refused', 'nothing to redact is named' } end
if has_target and (entry.target < was.first or entry.target > was.offset) then
  return refuse_target(entry)
end

entry.seq, entry.offset, entry.at = head.seq + 1, was.offset + 1, math.max(now, head.at)
tombstone = redacts and tombstone or nil
local failed, record = store(keys, limits, head, room, room_name, entry, before, bytes, tombstone)
if failed then return failed end
local unheard = publish(channel, epoch, record, tombstone)
return { 'stored', entry.seq, entry.offset, entry.at, now, unheard }
