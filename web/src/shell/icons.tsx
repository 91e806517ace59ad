const PATHS = {
  now: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13M8 4.5V8l2.5 1.5',
  flags: 'M3.5 14.5V2M3.5 2.5h8.5l-2 3l2 3H3.5',
  segments:
    'M5.500 3.500a2.200 2.200 0 1 0 0 4.400a2.200 2.200 0 1 0 0-4.400M1.500 13c.3-2.400 1.800-3.500 4-3.500s3.700 1.100 4 3.500M10.500 3.700a2.200 2.200 0 0 1 0 4M11.500 9.700c1.700.3 2.700 1.400 3 3.300',
  releases: 'M8 14V6M4.800 8.500L8 5.300l3.200 3.200M2.500 2.500h11',
  environments: 'M2 4.500L8 1.500l6 3L8 7.500zM2 8l6 3l6-3M2 11.500l6 3l6-3',
  keys: 'M5 5.500a2.500 2.500 0 1 0 0 5a2.500 2.500 0 1 0 0-5M7.500 8h7M12 8v2.500M14.500 8v2',
  policies: 'M3.5 1.5h6l3 3v10h-9zM5.8 8.5l1.6 1.6l3-3.4',
  plans: 'M1.5 8h3M11.5 8h3M6.5 8h3M4.5 8a1 1 0 1 0 2 0a1 1 0 1 0-2 0M9.5 8a1 1 0 1 0 2 0a1 1 0 1 0-2 0',
  gameplans: 'M6 2h4v3.500H6zM2 10.500h4V14H2zM10 10.500h4V14h-4zM8 5.500V8M4 10.500V8h8v2.500',
  requests:
    'M4 5.5v5M4 2a1.7 1.7 0 1 0 0 3.4A1.7 1.7 0 1 0 4 2M4 10.6a1.7 1.7 0 1 0 0 3.4a1.7 1.7 0 1 0 0-3.4M12 10.6a1.7 1.7 0 1 0 0 3.4a1.7 1.7 0 1 0 0-3.4M12 10.5V6a2 2 0 0 0-2-2H7.5M9 2.2L7.2 4L9 5.8',
  accounts: 'M8 2.2a2.7 2.7 0 1 0 0 5.4a2.7 2.7 0 1 0 0-5.4M2.8 14c.4-3 2.4-4.4 5.2-4.4s4.8 1.4 5.2 4.4',
  migrations: 'M1.5 3.500h5v9h-5zM9.5 3.500h5v9h-5zM4 8h7.5M9.8 6.200L11.600 8L9.800 9.8',
  freezes: 'M8 1.500v13M2.4 4.750l11.200 6.500M2.4 11.250l11.200-6.500M6 2.500l2 2l2-2M6 13.500l2-2l2 2',
  operations: 'M1.5 8.500h3l2-5.500l3 10l2-4.500h3',
  light:
    'M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0-6M8 1v1.500M8 13.500V15M1 8h1.500M13.5 8H15M3.05 3.050l1.06 1.060M11.89 11.890l1.06 1.060M3.05 12.950l1.06-1.060M11.89 4.110l1.06-1.06',
  dark: 'M13.5 9.500A6 6 0 0 1 6.5 2.500a6 6 0 1 0 7 7',
  external: 'M6.5 3.500H3v9.500h9.500V9.500M9 2.500h4.500V7M13.5 2.500L7.5 8.5',
  search: 'M7 2a5 5 0 1 0 0 10A5 5 0 1 0 7 2M10.8 10.800L14 14',
} as const

export type IconName = keyof typeof PATHS

/** A picture beside words; it says nothing by itself. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
