// What a garment is called, and how sure that is: the answers of both networks about a region, joined as in
// clothes.outfits.naming. `crop` holds what the classifier says: the scores by name, and its certainty.
const FLOOR = 1e-3; // added to each probability before its logarithm
const LEAST_PERSON = 0.01; // share of the map: if more shows a person, garments are worn
const MOST_REGIONS = 4; // that count: more of them say nothing more

export const NOT_ASKED = { scores: new Map(), certainty: 0.5 }; // for a kind that the classifier does not know

// The probability of each name of a region, highest first: pairs.
export const namesOf = ({ classes, kinds, outfit }, region, crop) => {
  const own = kinds[region.kind].filter((name) => classes.includes(name));
  const isTold = (name) => crop.scores.has(name);
  const options = own.some(isTold) ? classes.filter(isTold) : own;
  const [atMap, atCrop] = outfit.naming;
  const logs = options.map((name) => atMap * Math.log(region.strengths[classes.indexOf(name)] + FLOOR) + atCrop * Math.log((crop.scores.get(name) ?? 0) + FLOOR));
  const largest = Math.max(...logs);
  const shares = logs.map((value) => Math.exp(value - largest));
  const sum = shares.reduce((total, share) => total + share, 0);
  return options.map((name, index) => [name, shares[index] / sum]).sort((a, b) => b[1] - a[1]);
};

const logOdds = (probability) => {
  const clipped = Math.min(Math.max(probability, 0.01), 0.99);
  return Math.log(clipped / (1 - clipped));
};

// The lowest confidence of a garment in such a photo. A scene is the share of the map that is a person, and the number of
// regions.
export const leastIn = ({ outfit }, scene) => scene.person > LEAST_PERSON ? outfit.shown_worn : outfit.shown;

// The probability that a region is a garment of its first name.
export const confidenceOf = ({ classes, kinds, outfit }, names, region, crop, scene) => {
  const strength = kinds[region.kind].reduce((sum, name) => sum + (region.strengths[classes.indexOf(name)] ?? 0), 0);
  const [atCrop, person] = [logOdds(crop.certainty), Math.log(scene.person + FLOOR)];
  const evidence = [logOdds(names[0][1]), logOdds(strength), atCrop, Math.log(region.area + 1e-4), person, atCrop * person, Math.min(scene.regions, MOST_REGIONS)];
  const [constant, ...weights] = outfit.certainty;
  return 1 / (1 + Math.exp(-weights.reduce((sum, weight, index) => sum + weight * evidence[index], constant)));
};
