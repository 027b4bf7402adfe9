/** Philox 4x32 with 10 rounds; ../../random/philox.ts has the source. */
export function randomWords(
  firstSample: u32,
  purpose: u32,
  epoch: u32,
  seedLow: u32,
  seedHigh: u32,
  blocks: u32,
  out: usize,
  count: u32,
): void {
  for (let i: u32 = 0; i < count; i++) {
    for (let block: u32 = 0; block < blocks; block++) {
      let c0 = firstSample + i;
      let c1 = block * 16 + purpose;
      let c2 = epoch;
      let c3: u32 = 0;
      let key0 = seedLow;
      let key1 = seedHigh;
      for (let round = 0; round < 10; round++) {
        const product0 = <u64>0xd2511f53 * <u64>c0;
        const product1 = <u64>0xcd9e8d57 * <u64>c2;
        c0 = <u32>(product1 >> 32) ^ c1 ^ key0;
        c1 = <u32>product1;
        c2 = <u32>(product0 >> 32) ^ c3 ^ key1;
        c3 = <u32>product0;
        key0 += 0x9e3779b9;
        key1 += 0xbb67ae85;
      }
      store<u32>(out, c0);
      store<u32>(out, c1, 4);
      store<u32>(out, c2, 8);
      store<u32>(out, c3, 12);
      out += 16;
    }
  }
}
