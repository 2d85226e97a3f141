import { VersionedLibrary } from './function-library.ts';

/**
 * The buckets of rate limits over a fleet, each under a key of its own; `policy/rate/fleet-bank.ts` has the same rules,
 * and a test compares both. Times are the server's, in milliseconds since 2025, so that a number has fractions of a
 * microsecond. Chains are times in microseconds. A change of what is stored takes other keys.
 */
export const tokenFunctions = new VersionedLibrary(
  'rampart_tokens',
  `#!lua name=rampart_tokens_VERSION
local EPOCH_SECONDS = 1735689600
local MAX_DEBT_MS = 1000
local DEMAND_MS = 10000
local HOST_MS = 10000

local function micros_now()
  local time = redis.call('TIME')
  return (tonumber(time[1]) - EPOCH_SECONDS) * 1000000 + tonumber(time[2])
end

local function exact(number) return string.format('%.17g', number) end

-- Since when this server has all buckets: since its start, or since its data was lost.
local function blank_since(key, run, now)
  local known = redis.call('HMGET', key, 'run', 'since')
  if known[1] == run then return tonumber(known[2]) end
  redis.call('HSET', key, 'run', run, 'since', exact(now))
  return now
end

local function available(arrival, now, burst, spacing)
  return math.max(0, math.floor((now + burst * spacing - math.max(arrival, now)) / spacing + 1e-9))
end

-- KEYS: the bucket, the state of all, the hosts. ARGV: run_id, rate, burst, wanted, spent, returned, chain, demand.
local function ask(keys, args)
  local micros = micros_now()
  local now = micros / 1000
  local rate, burst, wanted = tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  local spent, returned, old_chain = tonumber(args[5]), tonumber(args[6]), tonumber(args[7])
  local spacing = 1000 / rate
  local blank = blank_since(keys[2], args[1], now)
  local arrival, chain, demand = math.max(now, blank + (burst - 1) * spacing), micros, 0
  local stored = redis.call('GET', keys[1])
  if stored then
    local fields = {}
    for field in string.gmatch(stored, '%S+') do fields[#fields + 1] = tonumber(field) end
    local rate_before, burst_before = fields[3], fields[4]
    local spacing_before = 1000 / rate_before
    arrival = math.max(fields[1], blank + (burst_before - 1) * spacing_before)
    chain = fields[2]
    demand = fields[5] * math.exp(-math.max(0, now - fields[6]) / DEMAND_MS)
    if rate_before ~= rate or burst_before ~= burst then
      local level = burst_before - math.max(0, arrival - now) / spacing_before
      arrival = now + (burst - math.min(math.max(0, level), burst)) * spacing
      chain = micros
    end
  end
  local most = now + burst * spacing + MAX_DEBT_MS
  arrival = math.min(arrival, most)
  if returned > 0 and old_chain == chain then arrival = arrival - returned * spacing end
  if spent > 0 then arrival = math.min(arrival + spent * spacing, most) end
  local tokens = math.min(wanted, available(arrival, now, burst, spacing))
  if tokens > 0 then
    if arrival < now then arrival, chain = now, micros end
    arrival = arrival + tokens * spacing
  end
  demand = demand + tonumber(args[8])
  local kept_ms = math.max(DEMAND_MS, math.ceil(arrival - now))
  local fields = { exact(arrival), exact(chain), exact(rate), exact(burst), exact(demand), exact(now) }
  redis.call('SET', keys[1], table.concat(fields, ' '), 'PX', string.format('%.0f', kept_ms))
  local retry_ms = math.max(0, arrival + spacing - burst * spacing - now)
  return { tokens, available(arrival, now, burst, spacing), exact(retry_ms), chain, exact(demand), micros, redis.call('ZCARD', keys[3]) }
end

-- KEYS: the hosts by when they were last seen, the state of all. ARGV: a host, run_id. Returns how many there are.
local function host(keys, args)
  local now = micros_now() / 1000
  blank_since(keys[2], args[2], now)
  redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', exact(now - HOST_MS))
  redis.call('ZADD', keys[1], exact(now), args[1])
  return redis.call('ZCARD', keys[1])
end

redis.register_function('rampart_tokens_VERSION_ask', ask)
redis.register_function('rampart_tokens_VERSION_host', host)
redis.register_function('rampart_tokens_VERSION_leave', function(keys, args) return redis.call('ZREM', keys[1], args[1]) end)
`,
);
