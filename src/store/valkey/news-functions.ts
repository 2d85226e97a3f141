import { VersionedLibrary } from './function-library.ts';

/**
 * The stream of news for all hosts of a fleet. Its entries are numbered without gaps, so that a host notices what it has missed. A
 * server with another run_id begins another stream, because it may have lost writes; so does one that has lost its data.
 */
export const newsFunctions = new VersionedLibrary(
  'rampart_news',
  `#!lua name=rampart_news_VERSION
local MOST_NEWS = 10000
local MOST_IDS = 10000
local FORGET_MICROS = 600000000

local function micros_now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- KEYS: the state, the stream, the hosts, the ids of news. Returns the name of the stream and when it began.
local function stream_of(keys, run)
  local known = redis.call('HMGET', keys[1], 'run', 'stream', 'since')
  if known[1] == run and known[2] and known[3] then return known[2], tonumber(known[3]) end
  local now = micros_now()
  local name = string.format('%s-%.0f', run, now)
  redis.call('DEL', keys[1], keys[2], keys[3], keys[4])
  redis.call('HSET', keys[1], 'run', run, 'stream', name, 'since', string.format('%.0f', now), 'last', 0)
  return name, now
end

local function last_of(keys) return tonumber(redis.call('HGET', keys[1], 'last') or 0) end

-- ARGV: run_id, id, kind, host, body. News that is there already keeps its number. Returns the stream and the number.
local function issue(keys, args)
  local name = stream_of(keys, args[1])
  local known = redis.call('ZSCORE', keys[4], args[2])
  if known then return { name, tonumber(known) } end
  local number = last_of(keys) + 1
  local at = string.format('%.0f-0', number)
  redis.call('XADD', keys[2], 'MAXLEN', '~', MOST_NEWS, at, 'id', args[2], 'kind', args[3], 'host', args[4], 'body', args[5])
  redis.call('HSET', keys[1], 'last', string.format('%.0f', number))
  redis.call('ZADD', keys[4], number, args[2])
  redis.call('ZREMRANGEBYRANK', keys[4], 0, -MOST_IDS - 1)
  redis.call('PUBLISH', keys[1] .. ':nudge', at)
  return { name, number }
end

-- The controls by name, each with its host, its last sign of life, and what it has acknowledged of which stream.
local function hosts_of(keys, now)
  local listed = redis.call('HGETALL', keys[3])
  local marks = {}
  for index = 1, #listed, 2 do
    local control, fields = listed[index], {}
    for field in string.gmatch(listed[index + 1], '%S+') do fields[#fields + 1] = field end
    if now - tonumber(fields[1]) > FORGET_MICROS then redis.call('HDEL', keys[3], control)
    else marks[#marks + 1] = { control, fields[4], fields[1], fields[2], tonumber(fields[3]) } end
  end
  return marks
end

-- ARGV: run_id, control, host, the stream and the number that it has acknowledged, the stream and the number after which it
-- reads, how many news at most, whether it wants the hosts.
local function read(keys, args)
  local name, since = stream_of(keys, args[1])
  local now = micros_now()
  redis.call('HSET', keys[3], args[2], string.format('%.0f %s %s %s', now, args[4], args[5], args[3]))
  local news = {}
  if args[6] == name then
    for _, entry in ipairs(redis.call('XRANGE', keys[2], '(' .. args[7] .. '-0', '+', 'COUNT', args[8])) do
      local fields = entry[2]
      news[#news + 1] = { tonumber(string.match(entry[1], '^%d+')), fields[2], fields[4], fields[6], fields[8] }
    end
  end
  return { name, math.floor((now - since) / 1000), last_of(keys), news, args[9] == '1' and hosts_of(keys, now) or {} }
end

redis.register_function('rampart_news_VERSION_issue', issue)
redis.register_function('rampart_news_VERSION_read', read)
redis.register_function('rampart_news_VERSION_leave', function(keys, args) return redis.call('HDEL', keys[3], args[1]) end)
`,
);
