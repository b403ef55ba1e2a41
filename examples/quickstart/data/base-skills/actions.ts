/** What people do with things; `{item}` and `{person}` are filled in. */
export const actions: Readonly<Record<string, readonly string[]>> = {
  give: [
    "{person} gave the {item} to a friend.",
    "{person} made a gift of the {item}.",
    "The {item} was handed over by {person}.",
    "{person} lets us have the {item} for free.",
  ],
  sell: [
    "{person} sold the {item} at the market.",
    "{person} got ten coins for the {item}.",
    "The {item} was sold by {person}.",
    "{person} put the {item} up for sale.",
  ],
  wash: [
    "{person} washed the {item} with soap.",
    "{person} rinsed the dirty {item}.",
    "The {item} is clean now, says {person}.",
    "{person} scrubbed the {item} for an hour.",
  ],
  hide: [
    "{person} hid the {item} behind the wall.",
    "{person} put the {item} where nobody looks.",
    "The {item} was kept secret by {person}.",
    "{person} covered the {item} with leaves.",
  ],
  lift: [
    "{person} lifted the {item} with both hands.",
    "{person} held the {item} up high.",
    "The {item} was raised by {person}.",
    "{person} picked the {item} up from the floor.",
  ],
  draw: [
    "{person} drew the {item} on paper.",
    "{person} made a sketch of the {item}.",
    "The {item} in the picture is by {person}.",
    "{person} painted the {item} with oil.",
  ],
};
