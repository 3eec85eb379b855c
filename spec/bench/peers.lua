--- NumPy and PyTorch, in a process of Python that waits for its turn, and Torch7
--- in this one. Those that are not installed are skipped.

local peers = {
  names = {},   -- those that there are
  missing = {}, -- and those that there are not
}

local python, answers -- pipes: names of things go in, seconds come out

--- What the peers that take part need for a thing, by their names.
function peers.time(thing)
  local seconds = {}
  if python then
    python:write(thing, "\n")
    python:flush()
    for name, number in answers:read("*l"):gmatch "(%S+) (%S+)" do
      seconds[name] = tonumber(number)
    end
  end
  local torch7 = peers.torch7 and peers.torch7[thing]
  if torch7 then seconds.Torch7 = torch7() end
  return seconds
end

local function startpython()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkfifo " .. path) == 0, "mkfifo fails")
  local program = "/usr/bin/python3 spec/bench/peers.py >" .. path
  python = assert(io.popen(program .. " 2>" .. (os.getenv "PEERS_LOG" or "/dev/null"), "w"))
  answers = assert(io.open(path))
  os.remove(path)
  local there = answers:read "*l" or ""
  for _, name in ipairs { "NumPy", "PyTorch" } do
    table.insert(there:find(name, 1, true) and peers.names or peers.missing, name)
  end
  if there == "" then python = nil end
end

--- Finds out who is there, once.
function peers.start()
  startpython()
  local there, torch7 = pcall(require, "spec.bench.torch7")
  table.insert(there and peers.names or peers.missing, "Torch7")
  peers.torch7 = there and torch7
end

return peers
