namespace MeshOperator.Mesh.Shifts;

/// <summary>Tests whether something happens more often than it may, while the counts still grow. Looking often does not make a false alarm
/// more likely: the likelihood ratio of a fixed mixture of higher rates against the highest that is allowed is a non-negative
/// supermartingale where the rate is allowed, so that by Ville's inequality it ever reaches 1/α with a probability of at most α.</summary>
public static class SequentialTest
{
    /// <summary>The probability of a false alarm of one test over all the time that it runs.</summary>
    public const double FalseAlarm = 0.001;

    private static readonly double Threshold = -Math.Log(FalseAlarm);

    /// <summary>How many times the odds are higher than allowed, in the mixture.</summary>
    private static readonly double[] Odds = [1.3, 1.7, 2.5, 4, 7, 15, 40, 150, 1000];

    /// <summary>Whether it certainly happens more often than it may.</summary>
    /// <param name="happened">How often it happened.</param>
    /// <param name="of">Of how many.</param>
    /// <param name="allowed">The highest probability that is allowed, between 0 and 1.</param>
    public static bool IsExceeded(long happened, long of, double allowed) => Evidence(happened, of, allowed) >= Threshold;

    /// <summary>The logarithm of the likelihood ratio.</summary>
    public static double Evidence(long happened, long of, double allowed)
    {
        if (of <= 0 || happened <= 0)
            return 0;
        allowed = Math.Clamp(allowed, 1e-9, 1 - 1e-9);
        var logs = Odds.Select(odds => LogRatio(happened, of, allowed, odds)).ToArray();
        var most = logs.Max();
        return most + Math.Log(logs.Sum(log => Math.Exp(log - most)) / logs.Length);
    }

    /// <summary>The probability of so many or more, if each happens with the probability that is allowed.</summary>
    public static double Tail(long happened, long of, double allowed)
    {
        if (happened <= 0)
            return 1;
        if (allowed >= 1)
            return 1;
        if (allowed <= 0)
            return 0;
        if (of > 20_000)
            return NormalTail((happened - 0.5 - (of * allowed)) / Math.Sqrt(of * allowed * (1 - allowed)));
        var log = of * Math.Log(1 - allowed);
        double below = 0;
        for (long i = 0; i < happened; i++)
        {
            below += Math.Exp(log);
            log += Math.Log((double)(of - i) / (i + 1)) + Math.Log(allowed / (1 - allowed));
        }

        return Math.Clamp(1 - below, 0, 1);
    }

    private static double LogRatio(long happened, long of, double allowed, double odds)
    {
        var higher = odds * allowed / (1 - allowed + (odds * allowed));
        return (happened * Math.Log(higher / allowed)) + ((of - happened) * Math.Log((1 - higher) / (1 - allowed)));
    }

    /// <summary>Of the standard normal distribution; by Abramowitz and Stegun 26.2.17, with an error below 1e-7.</summary>
    private static double NormalTail(double x)
    {
        if (x < 0)
            return 1 - NormalTail(-x);
        var t = 1 / (1 + (0.2316419 * x));
        var sum = t * (0.319381530 + (t * (-0.356563782 + (t * (1.781477937 + (t * (-1.821255978 + (t * 1.330274429))))))));
        return Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI) * sum;
    }
}
