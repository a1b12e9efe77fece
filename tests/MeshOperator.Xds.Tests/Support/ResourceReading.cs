using Google.Protobuf;
using MeshOperator.Xds.Resources;
using Any = Google.Protobuf.WellKnownTypes.Any;

namespace MeshOperator.Xds.Tests.Support;

/// <summary>Reads resources as a proxy does.</summary>
internal static class ResourceReading
{
    public static T Read<T>(this XdsResource resource, MessageParser<T> parser)
        where T : IMessage<T> => parser.ParseFrom(Any.Parser.ParseFrom(resource.Any.ToArray()).Value);
}
