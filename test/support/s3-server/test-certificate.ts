// A self-signed certificate for 127.0.0.1, localhost, s3.test and *.s3.test, valid for a hundred years. For tests only: the key is public.

export const testCertificate = `-----BEGIN CERTIFICATE-----
MIIBuzCCAWGgAwIBAgIUD/7+Ptbh/DLHc0ct1JDbhfDVthEwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOczMgdGVzdCBzZXJ2ZXIwIBcNMjYxMTIxMDMyNzE1WhgPMjEy
NjEwMjgwMzI3MTVaMBkxFzAVBgNVBAMMDnMzIHRlc3Qgc2VydmVyMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEDTAGmqmbIl4BJ4v6kAfBdNL+B/ElFAv6woS8tyod
Fi5EEDmiS6hhan8h2ZGlQLwLyoypb2gJTtuiB4s5mDPznKOBhDCBgTAdBgNVHQ4E
FgQUOzI3PAPh6BesALn52J7OhAMJxocwHwYDVR0jBBgwFoAUOzI3PAPh6BesALn5
2J7OhAMJxocwDwYDVR0TAQH/BAUwAwEB/zAuBgNVHREEJzAlhwR/AAABgglsb2Nh
bGhvc3SCB3MzLnRlc3SCCSouczMudGVzdDAKBggqhkjOPQQDAgNIADBFAiA295F3
vfCMr+L8/rzHj2tsObGgGMSlbg3dCFcUlQEDHgIhAP/fYpLFCMWO+kNeQMyz+yoj
ijx5QghlyzHaXgsATEXI
-----END CERTIFICATE-----`;

export const testCertificateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdWaM90d/JN5AybKu
1Fb+Gkqh54Bm7hW7WEBOF2bV4cWhRANCAAQNMAaaqZsiXgEni/qQB8F00v4H8SUU
C/rChLy3Kh0WLkQQOaJLqGFqfyHZkaVAvAvKjKlvaAlO26IHizmYM/Oc
-----END PRIVATE KEY-----`;
