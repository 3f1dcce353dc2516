-- Renews an instance's lease, drops the leases that have ended, and gives all that go on.

local leases, abouts = KEYS[1], KEYS[2]
local id, about, lease = ARGV[1], ARGV[2], ARGV[3]

local now = now_ms()
redis.call('ZADD', leases, now + lease, id)
redis.call('HSET', abouts, id, about)
for _, ended in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now)) do
  redis.call('ZREM', leases, ended)
  redis.call('HDEL', abouts, ended)
end
local list = {}
for _, living in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
  list[#list + 1] = living
  list[#list + 1] = redis.call('HGET', abouts, living) or ''
end
return { 'instances', list }
