-- The pieces of an algorithm as functions.
if family == KIND then
  --> state
  pieces = {
    rule = function()
      --> rule
    end,
    read = function()
      --> read
    end,
    fit = function()
      --> fit
    end,
    charge = function()
      --> charge
    end,
    status = function()
      --> status
    end,
    write = function()
      --> write
    end,
    refund = function()
      --> refund
    end,
    lendable = function()
      --> lendable
    end,
    lend = function()
      --> lend
    end,
  }
end
