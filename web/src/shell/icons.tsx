const PATHS = {
  now: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13M8 4.5V8l2.5 1.5',
  flags: 'M3.5 14.5V2M3.5 2.5h8.5l-2 3l2 3H3.5',
  policies: 'M3.5 1.5h6l3 3v10h-9zM5.8 8.5l1.6 1.6l3-3.4',
  plans: 'M1.5 8h3M11.5 8h3M6.5 8h3M4.5 8a1 1 0 1 0 2 0a1 1 0 1 0-2 0M9.5 8a1 1 0 1 0 2 0a1 1 0 1 0-2 0',
  requests:
    'M4 5.5v5M4 2a1.7 1.7 0 1 0 0 3.4A1.7 1.7 0 1 0 4 2M4 10.6a1.7 1.7 0 1 0 0 3.4a1.7 1.7 0 1 0 0-3.4M12 10.6a1.7 1.7 0 1 0 0 3.4a1.7 1.7 0 1 0 0-3.4M12 10.5V6a2 2 0 0 0-2-2H7.5M9 2.2L7.2 4L9 5.8',
  accounts: 'M8 2.2a2.7 2.7 0 1 0 0 5.4a2.7 2.7 0 1 0 0-5.4M2.8 14c.4-3 2.4-4.4 5.2-4.4s4.8 1.4 5.2 4.4',
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
