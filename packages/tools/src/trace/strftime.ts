/** The time of day by a format of strftime(3), in the local time zone; `%f` is microseconds. `nanoseconds` since 1970. */
export function strftime(format: string, nanoseconds: bigint): string {
  const milliseconds = Number(nanoseconds / 1_000_000n);
  const date = new Date(milliseconds);
  const two = (value: number, fill = '0') => String(value).padStart(2, fill);
  const one = (letter: string): string => {
    switch (letter) {
      case 'H':
        return two(date.getHours());
      case 'I':
        return two(((date.getHours() + 11) % 12) + 1);
      case 'M':
        return two(date.getMinutes());
      case 'S':
        return two(date.getSeconds());
      case 'T':
        return `${one('H')}:${one('M')}:${one('S')}`;
      case 'R':
        return `${one('H')}:${one('M')}`;
      case 'D':
        return `${one('m')}/${one('d')}/${one('y')}`;
      case 'F':
        return `${one('Y')}-${one('m')}-${one('d')}`;
      case 'Y':
        return String(date.getFullYear());
      case 'y':
        return two(date.getFullYear() % 100);
      case 'C':
        return two(Math.floor(date.getFullYear() / 100));
      case 'm':
        return two(date.getMonth() + 1);
      case 'd':
        return two(date.getDate());
      case 'e':
        return two(date.getDate(), ' ');
      case 'j':
        return String(
          Math.floor(
            (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) /
              86_400_000,
          ) + 1,
        ).padStart(3, '0');
      case 'a':
        return DAYS[date.getDay()]!.slice(0, 3);
      case 'A':
        return DAYS[date.getDay()]!;
      case 'b':
      case 'h':
        return MONTHS[date.getMonth()]!.slice(0, 3);
      case 'B':
        return MONTHS[date.getMonth()]!;
      case 'p':
        return date.getHours() < 12 ? 'AM' : 'PM';
      case 's':
        return String(nanoseconds / 1_000_000_000n);
      case 'f':
        return String((nanoseconds % 1_000_000_000n) / 1000n).padStart(6, '0');
      case 'u':
        return String(date.getDay() || 7);
      case 'w':
        return String(date.getDay());
      case 'z': {
        const minutes = -date.getTimezoneOffset();
        return `${minutes < 0 ? '-' : '+'}${two(Math.floor(Math.abs(minutes) / 60))}${two(Math.abs(minutes) % 60)}`;
      }
      case 'c':
        return `${one('a')} ${one('b')} ${one('e')} ${one('T')} ${one('Y')}`;
      case 'x':
        return one('D');
      case 'X':
        return one('T');
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case '%':
        return '%';
      default:
        return `%${letter}`;
    }
  };
  return format.replace(/%(.)/gs, (_, letter: string) => one(letter));
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
