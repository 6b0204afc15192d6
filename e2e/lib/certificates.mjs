// Certificates for servers on this machine, made in this process.
import { webcrypto } from "node:crypto";
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

const CURVE = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 24 * 60 * 60 * 1000;

/// `{ root, key, cert }` in PEM: a root, and the certificate that it issued to a server. `name`: as in
/// `{ type: "ip", value: "127.0.0.1" }`.
export async function issueCertificate(name) {
  const [authority, server] = await Promise.all([newKeys(), newKeys()]);
  const root = await certificate("Test root", authority, authority, "Test root", [
    new BasicConstraintsExtension(true, 0, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
  ]);
  const cert = await certificate(name.value, server, authority, "Test root", [
    new SubjectAlternativeNameExtension([name]),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
  ]);
  const key = PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", server.privateKey), PemConverter.PrivateKeyTag);
  return { root, key, cert };
}

const newKeys = () => webcrypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);

async function certificate(subject, { publicKey }, { privateKey: signingKey }, issuer, extensions) {
  const now = Date.now();
  const made = await X509CertificateGenerator.create(
    {
      subject: `CN=${subject}`,
      issuer: `CN=${issuer}`,
      notBefore: new Date(now - DAY),
      notAfter: new Date(now + DAY),
      publicKey,
      signingKey,
      signingAlgorithm: CURVE,
      extensions,
    },
    webcrypto,
  );
  return made.toString("pem");
}
