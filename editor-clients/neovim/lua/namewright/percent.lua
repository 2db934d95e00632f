--- A probability as people read it; never rounded to a certainty.
return function(probability)
  if probability < 0.01 then
    return '<1%'
  end
  return ('%d%%'):format(math.floor(100 * math.min(probability, 0.99) + 0.5))
end
