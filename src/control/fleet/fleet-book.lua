#!lua name=rampart_fleet_VERSION
-- The fleet book in Valkey: who may hold how many permits of each backend, over all hosts.
-- src/policy/fleet/fleet-book.ts and backend-book.ts have the same rules in TypeScript, with the reasons; a test compares both.
-- A call costs O(log hosts) for each backend, because sums and sorted sets replace scans.
--
-- Keys, behind a prefix: `` (hash: run, offset, learns, unsure, called), `:hosts` (hash: host -> incarnation,seq), `:called` (sorted:
-- host -> time), `:backends` (set), `:of:HOST` (set of its backends), and for each backend `:b:NAME` (hash: sums, and an entry
-- for each host), `:x:` (sorted: end of each entry's stage), `:q:` (sorted: end of each quarantine), `:c:` (sorted: cap told by
-- each live host), `:r:` (sorted: live hosts by permits, without those that were named as donors since they called).

-- As in src/policy/fleet/fleet-times.ts, in milliseconds.
local LEASE, LEARNING, FORGET, SILENCE, SHORTAGE, TURN = 10000, 13000, 600000, 3750, 1000, 1000
local MOVED, DONORS = 10, 3
local UNUSED_MS = 86400000

local function pack(e)
  return string.format('%s,%d,%d,%d,%d,%d,%.0f', e.stage, e.permits, e.floor, e.want, e.cap, e.quarantine, e.ends)
end

local function unpack_entry(text)
  if not text then return nil end
  local stage, permits, floor, want, cap, quarantine, ends =
    string.match(text, '^(%a+),(%d+),(%d+),(%d+),(%d+),(%d+),(-?%d+)$')
  return {
    stage = stage, permits = tonumber(permits), floor = tonumber(floor), want = tonumber(want), cap = tonumber(cap),
    quarantine = tonumber(quarantine), ends = tonumber(ends),
  }
end

local function count(e)
  if not e then return 0 end
  if e.stage == 'live' then return math.max(e.permits, e.floor) end
  return e.floor
end

local function open(prefix, name)
  local key = prefix .. ':b:' .. name
  local sums = redis.call('HMGET', key, 'counted', 'floors', 'wants', 'hosts', 'live', 'quarantined', 'short',
    'poor')
  return {
    prefix = prefix, name = name, key = key,
    x = prefix .. ':x:' .. name, q = prefix .. ':q:' .. name, c = prefix .. ':c:' .. name, r = prefix .. ':r:' .. name,
    counted = tonumber(sums[1] or 0), floors = tonumber(sums[2] or 0), wants = tonumber(sums[3] or 0),
    hosts = tonumber(sums[4] or 0), live = tonumber(sums[5] or 0), quarantined = tonumber(sums[6] or 0),
    short = tonumber(sums[7] or '-inf') or -math.huge, poor = tonumber(sums[8] or '-inf') or -math.huge,
  }
end

local function time_text(time)
  return time == -math.huge and '' or string.format('%.0f', time)
end

local function save(b)
  redis.call('HSET', b.key, 'counted', b.counted, 'floors', b.floors, 'wants', b.wants, 'hosts', b.hosts, 'live', b.live,
    'quarantined', b.quarantined, 'short', time_text(b.short), 'poor', time_text(b.poor))
  for _, key in ipairs({ b.key, b.x, b.q, b.c, b.r }) do redis.call('PEXPIRE', key, UNUSED_MS) end
end

local function entry(b, host)
  return unpack_entry(redis.call('HGET', b.key, 'e:' .. host))
end

local function add_sums(b, e, sign)
  b.counted = b.counted + sign * count(e)
  b.floors = b.floors + sign * e.floor
  b.hosts = b.hosts + sign
  if e.stage == 'live' then
    b.wants = b.wants + sign * e.want
    b.live = b.live + sign
  end
end

local function put(b, host, e, old)
  if old then add_sums(b, old, -1) end
  add_sums(b, e, 1)
  redis.call('HSET', b.key, 'e:' .. host, pack(e))
  redis.call('ZADD', b.x, string.format('%.0f', e.ends), host)
  if e.stage == 'live' then redis.call('ZADD', b.c, e.cap, host) else redis.call('ZREM', b.c, host) end
  if e.stage == 'live' and e.permits > e.floor then
    redis.call('ZADD', b.r, e.permits, host)
  else
    redis.call('ZREM', b.r, host)
  end
end

local function drop(b, host, e)
  add_sums(b, e, -1)
  redis.call('HDEL', b.key, 'e:' .. host)
  for _, key in ipairs({ b.x, b.c, b.r }) do redis.call('ZREM', key, host) end
end

local function quarantine(b, permits, ends, now)
  if permits <= 0 or ends <= now then return end
  local id = redis.call('HINCRBY', b.key, 'quarantines', 1)
  redis.call('ZADD', b.q, string.format('%.0f', ends), id .. ':' .. permits)
  b.quarantined = b.quarantined + permits
end

local function silence(b, host, e, now)
  quarantine(b, count(e) - e.floor, e.ends + e.quarantine, now)
  if e.floor == 0 then return drop(b, host, e) end
  put(b, host, {
    stage = 'silent', permits = 0, floor = e.floor, want = 0, cap = e.cap, quarantine = e.quarantine,
    ends = e.ends + FORGET - LEASE,
  }, e)
end

local function expire(b, now)
  local upto = string.format('%.0f', now)
  for _, host in ipairs(redis.call('ZRANGEBYSCORE', b.x, '-inf', upto, 'LIMIT', 0, MOVED)) do
    local e = entry(b, host)
    if e.stage == 'silent' then drop(b, host, e) else silence(b, host, e, now) end
  end
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', b.q, '-inf', upto)) do
    redis.call('ZREM', b.q, member)
    b.quarantined = b.quarantined - tonumber(string.match(member, ':(%d+)$'))
  end
end

local function smallest_cap(b)
  return tonumber(redis.call('ZRANGE', b.c, 0, 0, 'WITHSCORES')[2])
end

local function out(b)
  return b.counted + b.quarantined
end

local function assign_floor(b, e, claim, cap)
  local all = math.floor(claim.floorShare * cap / 1000)
  local wanted = math.floor(all / b.hosts)
  if wanted == 0 then
    if b.floors - e.floor < all then wanted = 1 end
  end
  if wanted <= e.floor then return wanted end
  local floor = math.min(wanted, count(e) + math.max(0, cap - out(b)))
  b.floors = b.floors + floor - e.floor
  b.counted = b.counted - count(e)
  e.floor = floor
  b.counted = b.counted + count(e)
  return floor
end

local function is_turn_of(b, host, cap, now)
  local rank = redis.call('ZRANK', b.c, host)
  return (rank - math.floor(now / TURN)) % b.live < math.max(1, cap - b.floors)
end

-- The most that the host should have, and how much more it may keep while others want permits.
local function target_of(b, host, e, cap, now)
  if b.wants <= cap then return math.max(e.floor, e.want), 0 end
  local equal = math.floor(cap / b.live)
  if equal == 0 then
    local turn = is_turn_of(b, host, cap, now) and 1 or 0
    return math.max(e.floor, math.min(e.want, e.floor + turn)), 0
  end
  local part = math.min(e.want, math.max(equal, math.floor(e.want * cap / b.wants)))
  local target = math.max(e.floor, part)
  return target, math.floor(target / 10) + 1
end

local function recall_to(b, e, assigned, target, slack, cap, now)
  if out(b) > cap then return math.max(assigned, math.floor(e.permits * cap / out(b))) end
  if now - b.short >= SHORTAGE then return -1 end
  local is_slack = e.want > e.permits and now - b.poor >= SHORTAGE
  if e.permits > target + (is_slack and slack or 0) then return math.max(assigned, target) end
  return -1
end

local function donors_of(b, wanting)
  local found = {}
  for _, host in ipairs(redis.call('ZREVRANGE', b.r, 0, DONORS)) do
    if host ~= wanting and #found < DONORS then found[#found + 1] = host end
  end
  if #found > 0 then redis.call('ZREM', b.r, unpack(found)) end
  return found
end

local function take_in(b, host, claim, now)
  local e = {
    stage = 'live', permits = claim.held, floor = claim.floor, want = claim.want, cap = claim.cap,
    quarantine = claim.quarantineMs, ends = now + LEASE,
  }
  put(b, host, e, entry(b, host))
  return e
end

local function settle(b, host, claim, now, may_expire)
  if may_expire then expire(b, now) end
  local e = take_in(b, host, claim, now)
  local before = unpack_entry(pack(e))
  local cap = smallest_cap(b)
  local assigned = assign_floor(b, e, claim, cap)
  local target, slack = target_of(b, host, e, cap, now)
  local held = count(e)
  local more = math.max(0, math.min(target - held, cap - out(b)))
  b.counted = b.counted + more
  e.permits = held + more
  local is_short = e.want > e.permits
  local recall = recall_to(b, e, assigned, target, slack, cap, now)
  if is_short then b.short = now end
  if is_short and e.permits < target - slack then b.poor = now end
  -- `put` replaces what it added for the claim; the sums have moved on with the grant meanwhile.
  b.counted = b.counted - count(e) + count(before)
  b.floors = b.floors - e.floor + before.floor
  put(b, host, e, before)
  local donors = {}
  if is_short and e.permits < target then donors = donors_of(b, host) end
  return { backend = claim.backend, permits = e.permits, floor = assigned, cap = cap, wanted = b.wants, recallTo = recall },
    donors
end

local function learn(b, host, claim, now)
  take_in(b, host, claim, now)
  return { backend = claim.backend, permits = claim.held, floor = claim.floor, cap = smallest_cap(b), wanted = b.wants,
    recallTo = -1 }, {}
end

local function server_time(given)
  if given then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number_of(prefix, field, default)
  return tonumber(redis.call('HGET', prefix, field) or default) or default
end

-- False: the call must have no effect.
local function check_time(prefix, call, now)
  if call.expectedAt < 0 then return false end
  local step = math.abs(now - call.expectedAt) > call.toleranceMs
  if step and not call.jumped then return false end
  local new_store = redis.call('HGET', prefix, 'run') ~= call.runId
  local called = number_of(prefix, 'called', -math.huge)
  local gap = math.abs(now - called) > SILENCE
  local unsure = (new_store or not call.settled) and redis.call('ZCARD', prefix .. ':called') > 0 and gap
  local at = now
  if step then at = call.expectedAt elseif unsure then at = called end
  if at ~= now then
    redis.call('HSET', prefix, 'offset', string.format('%.0f', number_of(prefix, 'offset', 0) + now - at))
  end
  if new_store then
    redis.call('HSET', prefix, 'learns', string.format('%.0f', at))
  elseif step or unsure then
    redis.call('HSET', prefix, 'unsure', string.format('%.0f', at))
  end
  redis.call('HSET', prefix, 'run', call.runId)
  return true
end

local function remove_host(prefix, host)
  redis.call('HDEL', prefix .. ':hosts', host)
  redis.call('ZREM', prefix .. ':called', host)
end

local function each_backend(prefix, host, act)
  for _, name in ipairs(redis.call('SMEMBERS', prefix .. ':of:' .. host)) do
    local b = open(prefix, name)
    local e = entry(b, host)
    if e then act(b, e) save(b) end
  end
  redis.call('DEL', prefix .. ':of:' .. host)
end

local function join(prefix, host, incarnation, now)
  local long_ago = '(' .. string.format('%.0f', now - 2 * FORGET)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', prefix .. ':called', '-inf', long_ago)) do remove_host(prefix, id) end
  each_backend(prefix, host, function(b, e)
    drop(b, host, e)
    local leased = e.stage == 'live' and e.ends or now
    quarantine(b, count(e), leased + e.quarantine, now)
  end)
  return incarnation + 1
end

local function settle_all(prefix, call, incarnation, now)
  local learns = number_of(prefix, 'learns', -math.huge)
  local unsure = number_of(prefix, 'unsure', -math.huge)
  local answer = { status = 'granted', now = now, incarnation = incarnation, hosts = 0, learning = false, grants = {} }
  local donors, is_donor = {}, {}
  for index, claim in ipairs(call.claims) do
    redis.call('SADD', prefix .. ':of:' .. call.host, claim.backend)
    redis.call('SADD', prefix .. ':backends', claim.backend)
    local b = open(prefix, claim.backend)
    local learning = now - learns < LEARNING + claim.quarantineMs
    local found
    if learning then
      answer.grants[index], found = learn(b, call.host, claim, now)
    else
      local may_expire = call.settled and now - unsure >= LEASE + claim.quarantineMs
      answer.grants[index], found = settle(b, call.host, claim, now, may_expire)
    end
    save(b)
    for _, host in ipairs(found) do
      if not is_donor[host] then donors[#donors + 1] = host end
      is_donor[host] = true
    end
    answer.hosts = math.max(answer.hosts, b.hosts)
    answer.learning = answer.learning or learning
  end
  redis.call('PEXPIRE', prefix .. ':of:' .. call.host, UNUSED_MS)
  if #donors > 0 then
    table.sort(donors)
    answer.donors = donors
    redis.call('PUBLISH', prefix .. ':donors', table.concat(donors, '\n'))
  end
  return cjson.encode(answer)
end

-- keys: prefix. args: the call as JSON; the time instead of the server's, for tests.
local function renew(keys, args)
  local prefix, call, server = keys[1], cjson.decode(args[1]), server_time(args[2])
  local before = server - number_of(prefix, 'offset', 0)
  local known = redis.call('HGET', prefix .. ':hosts', call.host)
  local incarnation, seq = string.match(known or '', '^(%d+),(%d+)$')
  incarnation, seq = tonumber(incarnation), tonumber(seq)
  if incarnation and call.incarnation > 0 then
    if call.incarnation < incarnation then
      local called = tonumber(redis.call('ZSCORE', prefix .. ':called', call.host))
      return cjson.encode({ status = 'superseded', now = before, calledAt = called })
    end
    if call.incarnation == incarnation and call.seq <= seq then
      return cjson.encode({ status = 'late', now = before })
    end
  end
  if not check_time(prefix, call, before) then return cjson.encode({ status = 'stale', now = before }) end
  local now = server - number_of(prefix, 'offset', 0)
  redis.call('HSET', prefix, 'called', string.format('%.0f', now))
  local mine = call.incarnation
  if mine == 0 then mine = join(prefix, call.host, incarnation or 0, now) end
  redis.call('HSET', prefix .. ':hosts', call.host, string.format('%.0f,%.0f', mine, call.seq))
  redis.call('ZADD', prefix .. ':called', string.format('%.0f', now), call.host)
  return settle_all(prefix, call, mine, now)
end

-- keys: prefix. args: host, incarnation.
local function leave(keys, args)
  local prefix, host = keys[1], args[1]
  local known = redis.call('HGET', prefix .. ':hosts', host)
  if not known or string.match(known, '^(%d+),') ~= args[2] then return 0 end
  remove_host(prefix, host)
  each_backend(prefix, host, function(b, e) drop(b, host, e) end)
  return 1
end

-- keys: prefix. args: host; the time instead of the server's, for tests.
local function forget(keys, args)
  local prefix, host = keys[1], args[1]
  local now = server_time(args[2]) - number_of(prefix, 'offset', 0)
  local found = redis.call('HEXISTS', prefix .. ':hosts', host) + redis.call('EXISTS', prefix .. ':of:' .. host)
  each_backend(prefix, host, function(b, e)
    drop(b, host, e)
    if e.stage == 'live' then quarantine(b, count(e) - e.floor, e.ends + e.quarantine, now) end
  end)
  return found > 0 and 1 or 0
end

-- keys: prefix. For people: every entry of every backend, as JSON.
local function list(keys, args)
  local prefix = keys[1]
  local now = server_time(args[1]) - number_of(prefix, 'offset', 0)
  local result = { now = now, learns = number_of(prefix, 'learns', -1), entries = {}, backends = {} }
  for _, name in ipairs(redis.call('SMEMBERS', prefix .. ':backends')) do
    local b = open(prefix, name)
    result.backends[#result.backends + 1] =
      { backend = name, out = out(b), quarantined = b.quarantined, cap = smallest_cap(b) or -1 }
    for _, host in ipairs(redis.call('ZRANGE', b.x, 0, -1)) do
      local e = entry(b, host)
      result.entries[#result.entries + 1] = {
        backend = name, host = host, stage = e.stage, permits = e.permits, floor = e.floor, want = e.want, ends = e.ends,
      }
    end
  end
  return cjson.encode(result)
end

redis.register_function('rampart_fleet_VERSION_renew', renew)
redis.register_function('rampart_fleet_VERSION_leave', leave)
redis.register_function('rampart_fleet_VERSION_forget', forget)
redis.register_function{ function_name = 'rampart_fleet_VERSION_list', callback = list, flags = { 'no-writes' } }
