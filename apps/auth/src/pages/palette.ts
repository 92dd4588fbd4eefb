// One accent colour; amber and red only where something must be read. Each pair that carries text or the edge of a
// control is checked for contrast in stylesheet.test.ts.

export const light = {
  ground: '#f2f3ef',
  card: '#ffffff',
  panel: '#f4f6f3',
  text: '#1b1f1d',
  muted: '#59615d',
  line: '#e3e5e0',
  edge: '#838b86',
  accent: '#11664f',
  'accent-strong': '#0b4d3b',
  'on-accent': '#ffffff',
  'accent-ground': '#e4f2ec',
  caution: '#6a4300',
  'caution-ground': '#fdf3dd',
  'caution-line': '#e8c884',
  problem: '#96211b',
  'problem-ground': '#fdeeec',
  'problem-line': '#eab5af',
} as const

export const dark: Readonly<Record<keyof typeof light, string>> = {
  ground: '#0f1211',
  card: '#191d1b',
  panel: '#222725',
  text: '#ecefed',
  muted: '#a6aeaa',
  line: '#2d3331',
  edge: '#7b8480',
  accent: '#72d2b3',
  'accent-strong': '#93e2c8',
  'on-accent': '#06231a',
  'accent-ground': '#16332a',
  caution: '#f3d086',
  'caution-ground': '#30260f',
  'caution-line': '#5d4a1d',
  problem: '#ffb5ac',
  'problem-ground': '#391b18',
  'problem-line': '#6e3630',
}
