// The service that servers and clients of grpc.sh speak: strings there and back, without generated code.
'use strict';
const method = (path) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: Buffer.from,
  requestDeserialize: String,
  responseSerialize: Buffer.from,
  responseDeserialize: String,
});

exports.service = {
  Say: method('/echo.Echo/Say'),
  SayElsewhere: method('/echo.Other/Say'),
  Attempts: method('/echo.Echo/Attempts'),
};
