/** Loopback: which addresses and names mean this machine and can be reached from no other.
 *  In: a host without its port, in any case, with or without the brackets of an IPv6 address. Out: whether it is one of them. A name that
 *  only begins like one (`127.example.org`) is another machine's. Pure. */

export const isLoopback = (host: string | undefined): boolean =>
  host !== undefined && /^(127(\.\d{1,3}){3}|localhost|\[?::1\]?|::ffff:127(\.\d{1,3}){3})$/i.test(host)
