import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { isPublicAddress } from './public-address.ts'

const notPublic: Readonly<Record<string, readonly string[]>> = {
  'this network': ['0.0.0.0', '0.1.2.3', '::'],
  loopback: ['127.0.0.1', '127.0.0.53', '127.255.255.255', '::1', '0:0:0:0:0:0:0:1'],
  private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  'link-local': ['169.254.169.254', 'fe80::1', 'febf::1'],
  'shared (CGNAT)': ['100.64.0.1', '100.127.255.255'],
  'protocol assignments': ['192.0.0.8', '192.0.0.171', '192.88.99.1', '2001:1::1', '192.31.196.1', '192.52.193.1'],
  documentation: ['192.0.2.1', '198.51.100.7', '203.0.113.9', '2001:db8::1', '3fff::1', '3fff:fff:ffff::1'],
  benchmarking: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  multicast: ['224.0.0.1', '239.255.255.250', 'ff02::1', 'ff0e::1'],
  'reserved and broadcast': ['240.0.0.1', '255.255.255.255'],
  'IPv4-mapped': [
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::FFFF:a9fe:a9fe',
    '0:0:0:0:0:ffff:c0a8:101',
  ],
  'IPv4-compatible': ['::127.0.0.1', '::7f00:1', '::a00:1', '::808:808'],
  'IPv4-translated': ['::ffff:0:7f00:1', '::ffff:0:808:808'],
  '6to4': ['2002:7f00:1::1', '2002:a00:1::', '2002:808:808::1'],
  NAT64: ['64:ff9b::7f00:1', '64:ff9b::a00:1', '64:ff9b::8.8.8.8', '64:ff9b:1::7f00:1'],
  Teredo: ['2001::1', '2001:0:7f00:1::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  'unique local': ['fc00::1', 'fd00:ec2::254', 'fdff:ffff::1'],
  'site-local': ['fec0::1', 'feff::1'],
  'ORCHID, drone and discard ids': ['2001:10::1', '2001:20::1', '2001:30::1', '100::1'],
  'never given out': ['4000::1', '5f00::1', '9999::1', 'e000::1', '1::1'],
  'with a zone': ['fe80::1%eth0', 'fe80::1%1', '2606:4700::1111%eth0', '::ffff:8.8.8.8%1'],
  'no address': [
    '',
    ' ',
    'localhost',
    'example.com',
    '127.1',
    '8',
    '0x08080808',
    '010.8.8.8',
    '8.8.8',
    '8.8.8.8/32',
    '[::1]',
  ],
}

for (const [kind, addresses] of Object.entries(notPublic))
  verifies(['K6', 'C2'], `no public address: ${kind}`, () => {
    for (const address of addresses) expect([address, isPublicAddress(address)]).toEqual([address, false])
  })

test('addresses of the public internet are public', () => {
  for (const address of [
    ...['1.1.1.1', '8.8.8.8', '93.184.216.34', '100.63.255.255', '100.128.0.1', '172.15.255.255', '172.32.0.1'],
    ...['192.0.3.1', '198.17.255.255', '198.20.0.1', '203.0.114.1', '223.255.255.255'],
    ...['2606:4700::1111', '2a00:1450:4001:800::200e', '2003::1', '2001:4860:4860::8888', '3ffe::1'],
    ...['::ffff:1.1.1.1', '::ffff:808:808'],
  ])
    expect([address, isPublicAddress(address)]).toEqual([address, true])
})
