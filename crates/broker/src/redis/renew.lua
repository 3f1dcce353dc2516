-- Renews an instance's lease, and gives all whose lease goes on. A lease that ended is kept for a
-- while: it tells a log that has to be repaired whom it can't ask any more.

local leases, abouts = KEYS[1], KEYS[2]
local id, about, lease, kept_for = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local now = now_ms()
redis.call('ZADD', leases, now + lease, id)
redis.call('HSET', abouts, id, about)
for _, ended in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now - kept_for)) do
  redis.call('ZREM', leases, ended)
  redis.call('HDEL', abouts, ended)
end
local list = {}
for _, living in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. text(now), '+inf')) do
  list[#list + 1] = living
  list[#list + 1] = redis.call('HGET', abouts, living) or ''
end
return { 'instances', list }
