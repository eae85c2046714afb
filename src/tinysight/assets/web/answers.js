// From logits to names and words.

export const CERTAIN = 0.5; // as the command line: certain from here, likely from there, below a guess
export const LIKELY = 0.2;

// The k likeliest classes, the likeliest first; of equals the lower index first.
export function topK(logits, labels, k) {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b);
  return order.slice(0, k).map((index) => ({ index, label: labels[index], probability: powers[index] / sum }));
}

export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share < 1 && share > 0.999) return "> 99.9 %";
  return `${(100 * share).toFixed(1)} %`;
}

export function verdict(probability) {
  if (probability >= CERTAIN) return "The network is fairly sure.";
  if (probability >= LIKELY) return "Likely, but it might be something else.";
  return "A guess: the network is not sure.";
}

export function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function count(number) {
  if (number >= 1e6) return `${(number / 1e6).toFixed(number < 1e7 ? 2 : 0)} million`;
  return number >= 1e4 ? `${Math.round(number / 1e3)} thousand` : String(number);
}
