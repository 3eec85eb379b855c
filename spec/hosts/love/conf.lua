function love.conf(t)
  t.identity = "idinit"
  t.window = nil
  for _, name in ipairs { "audio", "graphics", "joystick", "mouse", "sound", "touch", "video",
                          "window" } do
    t.modules[name] = false
  end
end
